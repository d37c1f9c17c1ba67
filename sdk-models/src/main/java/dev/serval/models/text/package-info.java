/**
 * Tokenizers and chat templates as Hugging Face folders hold them. {@link
 * dev.serval.models.text.HuggingFaceTextCodecReader} is all that is seen from outside.
 */
package dev.serval.models.text;
