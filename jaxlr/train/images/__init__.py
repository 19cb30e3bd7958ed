"""Classifying images: data, models and settings that train well."""
