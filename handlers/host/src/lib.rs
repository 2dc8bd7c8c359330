//! The embedded function host: fires timers and dispatches queues in the custom handler's own wire format
