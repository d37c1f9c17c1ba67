/** The scheduler on a virtual clock: traces in, latencies out, the same for the same seed. */
package dev.serval.simulator;
