"""What stock moto lacks of EC2: power, tags, fast lists."""
