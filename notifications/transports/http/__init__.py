"""HTTP requests to receivers: policy, proxy, fairness."""
