"""The answers of the scripts by hand, from landed Parquet, as a program in pandas: what dbt stands beside."""
