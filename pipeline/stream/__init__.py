"""What makes Faust fast and exact. Private API of Faust and aiokafka is used here and nowhere else."""
