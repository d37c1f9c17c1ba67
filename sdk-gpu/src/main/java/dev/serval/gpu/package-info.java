/** NVIDIA GPUs as devices of a runtime. */
package dev.serval.gpu;
