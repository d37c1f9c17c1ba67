package dev.serval.gpu.blas;

/**
 * The shape of a product of BF16 matrices to F32: each of {@code tokens} inputs with each of {@code
 * rows} rows of a weight, all {@code depth} elements long and without gaps.
 *
 * @param rows of the weight
 * @param tokens how many inputs
 * @param depth elements of a row, a multiple of 8
 * @param outStride elements from one output to the next, a multiple of 4
 * @param biased whether a bias is added
 * @param adding whether the output is added to rather than set
 */
public record BlasShape(
    int rows, int tokens, int depth, int outStride, boolean biased, boolean adding) {}
