/**
 * Weights and products with them: how weights are loaded, how matrices are kept, and linear maps of
 * rows, one at a time or several together.
 */
package dev.serval.models.cpu.linear;
