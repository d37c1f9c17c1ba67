/** Arithmetic that Java lacks or has in other bits elsewhere: BF16, and powers of e. */
package dev.serval.models.cpu.arithmetic;
