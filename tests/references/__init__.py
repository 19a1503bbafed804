"""What tests check the product against, written a second time, and strategies that several test folders draw from."""
