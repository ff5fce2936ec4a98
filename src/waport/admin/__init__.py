"""What an operator does from the command line while the server is down."""
