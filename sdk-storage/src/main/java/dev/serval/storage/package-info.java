/**
 * The readers that an application may name: {@link dev.serval.storage.SafetensorsReader} opens
 * Hugging Face folders, {@link dev.serval.storage.GgufReader} opens GGUF files.
 */
package dev.serval.storage;
