/**
 * Layers that carry a state from token to token: short convolutions, gated delta networks and state
 * spaces.
 */
package dev.serval.models.cpu.recurrent;
