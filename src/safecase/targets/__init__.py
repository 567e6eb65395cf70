"""What can be asked and attacked: only this machine, and hosts that the user says are theirs."""
