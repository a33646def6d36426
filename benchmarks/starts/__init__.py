"""How each contestant starts: programs, run by an interpreter that has imported nothing yet."""
