/**
 * How stored tensors are read: the blocks of each quantised type, their scales, and the numbers
 * that their bits stand for.
 */
package dev.serval.models.cpu.block;
