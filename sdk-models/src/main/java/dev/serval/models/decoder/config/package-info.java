/**
 * What a checkpoint's configuration says, read strictly: a field that nobody asked for is refused.
 */
package dev.serval.models.decoder.config;
