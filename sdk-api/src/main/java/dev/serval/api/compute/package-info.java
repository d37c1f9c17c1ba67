/**
 * What a device computes: the coarse operations of a {@link dev.serval.api.compute.ComputeBackend},
 * on which every model family's forward pass is written once, for all devices.
 */
package dev.serval.api.compute;
