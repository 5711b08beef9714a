"""The notebook's surface: `from o2u_nb.all import *` brings what an audit in a notebook needs.

In comes nothing; out go the names below, fastai's Learner among them with `fit_o2u` patched on. It
is slow to import (torch, fastai, widgets): scripts import what they use from its own module.
"""

from o2u_nb import training  # before fastai: it silences a warning of fastai's import

# isort: split
import numpy as np
import pandas as pd
from fastai.basics import CrossEntropyLossFlat, Learner, set_seed
from fastai.callback.progress import ProgressCallback  # patches Learner.no_bar

from o2u_nb import exchange, plots
from o2u_nb.audit import Audit
from o2u_nb.data import datasets, images, noise, sources
from o2u_nb.detect.registry import detector
from o2u_nb.detect.table import score_table
from o2u_nb.errors import O2UError
from o2u_nb.explorer import CyclicExplorer
from o2u_nb.learner_audit import audit  # patches Learner
from o2u_nb.plots.gallery import Gallery, suspect_grid, suspects_by_class
from o2u_nb.presets import PRESETS
from o2u_nb.review.apply import plan
from o2u_nb.review.session import ReviewSession
from o2u_nb.review.verified import verified
from o2u_nb.trace import Trace
from o2u_nb.training.backbones import backbone
from o2u_nb.training.catalogue import METHODS
from o2u_nb.training.compare import compare
from o2u_nb.training.heads import head_learner
from o2u_nb.training.learner import fit_o2u, fit_odd  # patches Learner
from o2u_nb.training.loaders import dataloaders
from o2u_nb.training.models import CompactResNet
from o2u_nb.training.networks import pretrained
from o2u_nb.training.probe.embed import embed as embeddings
from o2u_nb.training.probe.features import features
from o2u_nb.training.recorder import DynamicsRecorder
from o2u_nb.training.retrain import retrain
from o2u_nb.widgets.confusion import ConfusionPanel
from o2u_nb.widgets.dashboard import Dashboard
from o2u_nb.widgets.grid import SuspectGrid
from o2u_nb.widgets.histograms import HistogramsPanel
from o2u_nb.widgets.live import LiveLosses
from o2u_nb.widgets.map import MapPanel
from o2u_nb.widgets.odd import OddPanel
from o2u_nb.widgets.player import PlayerPanel
from o2u_nb.widgets.similar import SimilarPanel
from o2u_nb.widgets.trajectories import TrajectoriesPanel
from o2u_nb.widgets.why import WhyCard

__all__ = [
    # what is audited
    "datasets", "images", "noise", "sources",
    # training
    "dataloaders", "head_learner", "CompactResNet", "pretrained", "Learner", "CrossEntropyLossFlat",
    "set_seed", "DynamicsRecorder", "PRESETS", "LiveLosses", "OddPanel", "CyclicExplorer",
    "retrain", "embeddings", "backbone", "features", "METHODS", "compare",
    # results
    "Trace", "score_table", "detector", "plots", "suspect_grid", "suspects_by_class", "Gallery",
    "Audit", "O2UError",
    # review
    "ReviewSession", "Dashboard", "SuspectGrid", "TrajectoriesPanel", "HistogramsPanel",
    "ConfusionPanel", "MapPanel", "SimilarPanel", "PlayerPanel", "WhyCard", "plan", "exchange",
    "verified",
    # what a notebook uses beside this package
    "np", "pd",
]  # fmt: skip
