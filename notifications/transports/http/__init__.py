"""HTTP requests to receivers: egress policy, proxy, fairness and libcurl."""
