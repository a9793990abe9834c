"""EC2's codes and sentences for how an instance came to stop (EC2 API reference, StateReason)."""

from __future__ import annotations

BY_USER, HIBERNATED = "Client.UserInitiatedShutdown", "Client.UserInitiatedHibernate"
# EC2 has accepted a start and then cannot use a volume: a disabled key is told no plainer.
CLIENT_ERROR, SPOT = "Client.InternalError", "Server.SpotInstanceShutdown"
OF_STATE = {"stopped": BY_USER, "hibernated": HIBERNATED}  # of what a scenario calls so
SENTENCES = {
    BY_USER: "Client.UserInitiatedShutdown: User initiated shutdown",
    HIBERNATED: "Client.UserInitiatedHibernate: User initiated hibernate",
    CLIENT_ERROR: "Client.InternalError: Client error on launch",
    SPOT: "Server.SpotInstanceShutdown: Instance stopped due to Spot capacity or price",
}
