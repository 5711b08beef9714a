"""The Learner extension: loaders, schedule, recorder, verbs and models; training ends in a trace."""
