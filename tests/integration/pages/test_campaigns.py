"""Campaigns in the browser without scripts: written, checked, estimated, started, stopped; another's are not there."""

from __future__ import annotations

import re

import pytest

from campaigns.contacts import Contacts
from campaigns.model import Draft, Point, PointKind
from tests.integration.pages.conftest import House
