"""What all of the API shares: requests, pages, errors, the OpenAPI document."""
