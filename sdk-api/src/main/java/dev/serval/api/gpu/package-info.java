/**
 * The data path between files, the host's memory and a device's: {@link
 * dev.serval.api.gpu.RegionPool} lends memory, a {@link dev.serval.api.gpu.TransferService} moves
 * {@linkplain dev.serval.api.gpu.TransferBatch batches} of bytes into and between its {@linkplain
 * dev.serval.api.gpu.Region regions} and says by which path they went.
 */
package dev.serval.api.gpu;
