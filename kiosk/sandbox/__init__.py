"""What demo and tests run on instead of VNPT's service and a customer's token."""
