/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lex.h: the words of a scenario file.
 *
 * Blanks separate words, a line's end ends a statement, # begins a comment. Lines after a comma go on.
 *
 * Ownership  a Lexer borrows the text; a Token points into it, and is valid as long.
 * Errors     a TOKEN_BAD says what is wrong with it; the next one begins behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TokenKind {
    TOKEN_END,     /* of the file */
    TOKEN_NEWLINE, /* one or more of them */
    TOKEN_WORD,    /* display, half-closes */
    TOKEN_NUMBER,  /* 10, 0x1e, 10ms, 1MB/s */
    TOKEN_SIZE,    /* 640x480 */
    TOKEN_STRING,  /* "..." */
    TOKEN_PARAM,   /* $name */
    TOKEN_OPEN,    /* { */
    TOKEN_CLOSE,   /* } */
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_DOTS, /* .. */
    TOKEN_COLON,
    TOKEN_EQUALS,
    TOKEN_MINUS,
    TOKEN_BAD,
} TokenKind;

typedef enum BadToken { BAD_CHARACTER, BAD_STRING, BAD_NUMBER } BadToken;

typedef struct Token {
    TokenKind kind;
    const char *text; /* as written; a string's without its quotes, a parameter's without its $ */
    size_t len;
    uint64_t value; /* a number's; a size's width */
    uint64_t height;
    const char *unit; /* a number's; NULL: none */
    size_t unit_len;
    BadToken bad;      /* TOKEN_BAD: what is wrong, */
    const char *wrong; /* and a sentence about it */
    uint32_t line, column;
} Token;

typedef struct Lexer {
    const char *at, *end, *line_start;
    uint32_t line;
    bool goes_on; /* after a comma */
} Lexer;

void lexer_init(Lexer *lexer, const char *text, size_t len);
Token lexer_next(Lexer *lexer);

static inline bool token_is(const Token *token, const char *word)
{
    const char *text = token->text;
    for (size_t i = 0; i < token->len; i++) {
        if (word[i] == '\0' || word[i] != text[i]) {
            return false;
        }
    }
    return token->kind == TOKEN_WORD && word[token->len] == '\0';
}
