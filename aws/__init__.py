"""Amazon Web Services behind ports. The only product folder that imports boto3; it knows no Django."""
