"""The Learner extension: loaders, schedule, recorder, verbs and models; it ends in a trace."""
