"""The exception views; each answers HTML or JSON by what the client accepts."""
