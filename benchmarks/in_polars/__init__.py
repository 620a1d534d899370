"""The answers of the scripts by hand, from landed Parquet, as a program in polars: what dbt stands beside."""
