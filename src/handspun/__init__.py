"""handspun: build a language model of your own, from raw text to a served assistant, on hardware you own."""

__version__ = "0.1.0"
