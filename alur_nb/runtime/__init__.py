"""The part that ships to Glue: it imports the standard library, pyspark and boto3, and nothing else."""
