/**
 * Measures how a model is served: a {@link dev.serval.command.bench.Workload} is sent to a {@link
 * dev.serval.command.bench.Target} on a schedule, and a {@link dev.serval.command.bench.Report}
 * says how it went.
 */
package dev.serval.command.bench;
