/**
 * Draws tokens from logits that lie in host memory, as {@link dev.serval.api.Sampling} lays down.
 */
package dev.serval.models.sampling;
