"""The state of FOAM for operators: health, metrics, dashboard, doctor."""
