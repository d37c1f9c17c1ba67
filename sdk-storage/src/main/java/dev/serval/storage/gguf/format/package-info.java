/** How a GGUF file lies in bytes: its keys and values, and the directory of its tensors. */
package dev.serval.storage.gguf.format;
