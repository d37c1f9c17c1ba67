/**
 * Transfers: lanes of copies between regions, and readers that bring files and other memory of the
 * host through pinned slabs.
 */
package dev.serval.gpu.transfer;
