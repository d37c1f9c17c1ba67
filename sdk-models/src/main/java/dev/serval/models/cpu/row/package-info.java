/**
 * What is done to each row by itself: embeddings looked up, norms, sums and scaling. A {@link
 * dev.serval.models.cpu.row.RowKernel} computes it.
 */
package dev.serval.models.cpu.row;
