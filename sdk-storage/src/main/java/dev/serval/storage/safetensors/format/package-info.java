/** How a safetensors file lies in bytes: its header, and the tensors that it says there are. */
package dev.serval.storage.safetensors.format;
