/**
 * Products by NVIDIA's cuBLASLt, where it is there and a host asks for it: what is called, where it
 * is looked for, and what comes of that.
 */
package dev.serval.gpu.blas;
