"""`kubectl simulation …`: a kubectl plugin. Everything it does can be done with kubectl alone."""
