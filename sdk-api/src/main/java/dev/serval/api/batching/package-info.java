/**
 * Continuous batching: the {@link dev.serval.api.batching.Engine} of one replica, and the policies
 * that decide what its next step does.
 */
package dev.serval.api.batching;
