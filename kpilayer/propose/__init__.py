"""Drafts of semantic models, from what data show when they are measured."""
