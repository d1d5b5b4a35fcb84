//! Outside the agreement: the sender's own node does not send it, and a node that sends it all the
//! same is refused by the receiver.
