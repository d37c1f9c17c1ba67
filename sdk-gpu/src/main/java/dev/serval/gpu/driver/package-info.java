/**
 * The CUDA driver, {@code libcuda}, as this module's other packages use it: found by {@link
 * dev.serval.gpu.driver.DriverSearch}, then devices, contexts, memory, streams, events, modules,
 * kernels and graphs, each a handle that owns what it names.
 *
 * <p>Calls that concern a context are made on threads that are {@linkplain
 * dev.serval.gpu.driver.Context#attach attached} to it. Nothing here starts a thread.
 */
package dev.serval.gpu.driver;
