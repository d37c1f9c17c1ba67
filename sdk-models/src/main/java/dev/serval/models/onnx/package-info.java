/**
 * Embedding models in the ONNX format, computed by ONNX Runtime: {@link
 * dev.serval.models.onnx.OnnxEmbeddingModelReader} opens them.
 */
package dev.serval.models.onnx;
