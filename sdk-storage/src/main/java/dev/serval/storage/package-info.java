/**
 * The readers that an application may name: {@link dev.serval.storage.SafetensorsReader} opens
 * Hugging Face folders.
 */
package dev.serval.storage;
