"""Amazon Web Services behind ports. The only product folder that imports boto3; it knows no Django."""

__version__ = "0.1.0"  # told to AWS in the user agent; a test holds it equal to pyproject.toml
