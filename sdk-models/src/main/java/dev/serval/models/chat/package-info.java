/**
 * Chat templates: jinjava runs their structure, and the expressions in them are evaluated here, as
 * Python's Jinja would.
 *
 * <p>A template is data from a checkpoint, and what it prints is data from users. So nothing here
 * reaches a Java method, file or other template: values are the closed set of kinds that {@link
 * dev.serval.models.chat.Values} lists, and what a template may call is a table. A construct
 * outside these tables is refused when the template is read, by name.
 */
package dev.serval.models.chat;
