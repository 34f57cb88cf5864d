/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/lex.h"

#include <string.h>

/* Letters of the language, whatever the locale. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

void lexer_init(Lexer *lexer, const char *text, size_t len)
{
    *lexer = (Lexer){.at = text, .end = text + len, .line_start = text, .line = 1};
}

static bool at_letter(const Lexer *lexer)
{
    return lexer->at < lexer->end && is_letter(*lexer->at);
}

static bool at_digit(const Lexer *lexer)
{
    return lexer->at < lexer->end && is_digit(*lexer->at);
}

/* False: it does not fit. */
static bool take_digits(Lexer *lexer, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    bool fits = true;

    while (lexer->at < lexer->end) {
        const int digit = hex_digit(*lexer->at);
        if (digit < 0 || (unsigned)digit >= base) {
            break;
        }
        fits = fits && value <= (UINT64_MAX - (unsigned)digit) / base;
        value = value * base + (unsigned)digit;
        lexer->at++;
    }
    *ret = value;
    return fits;
}

static void take_word(Lexer *lexer)
{
    while (lexer->at < lexer->end && (is_letter(*lexer->at) || is_digit(*lexer->at) || *lexer->at == '-')) {
        lexer->at++;
    }
}

static void number(Lexer *lexer, Token *token)
{
    bool fits;

    token->kind = TOKEN_NUMBER;
    if (*lexer->at == '0' && lexer->end - lexer->at > 2 && lexer->at[1] == 'x' &&
        hex_digit(lexer->at[2]) >= 0) {
        lexer->at += 2;
        fits = take_digits(lexer, 16, &token->value);
    } else {
        fits = take_digits(lexer, 10, &token->value);
        if (lexer->end - lexer->at > 1 && lexer->at[0] == 'x' && is_digit(lexer->at[1])) {
            lexer->at++;
            token->kind = TOKEN_SIZE;
            fits = take_digits(lexer, 10, &token->height) && fits;
        }
    }
    if (at_letter(lexer)) {
        token->unit = lexer->at;
        while (at_letter(lexer) || (lexer->at < lexer->end && *lexer->at == '/')) {
            lexer->at++;
        }
        token->unit_len = (size_t)(lexer->at - token->unit);
    }
    if (at_digit(lexer)) {
        take_word(lexer);
        token->kind = TOKEN_BAD;
        token->bad = BAD_NUMBER;
        token->wrong = "this is neither a number nor a name";
    } else if (!fits) {
        token->kind = TOKEN_BAD;
        token->bad = BAD_NUMBER;
        token->wrong = "this number is too large: 18446744073709551615 is the largest";
    }
}

static void string(Lexer *lexer, Token *token)
{
    const char *start = ++lexer->at;

    /* Letters beyond ASCII are welcome, controls are not: they would reach a terminal. */
    while (lexer->at < lexer->end && *lexer->at != '"' && (uint8_t)*lexer->at >= ' ' && *lexer->at != 0x7f) {
        lexer->at++;
    }
    token->text = start;
    token->len = (size_t)(lexer->at - start);
    if (lexer->at < lexer->end && *lexer->at == '"') {
        lexer->at++;
        token->kind = TOKEN_STRING;
    } else {
        token->kind = TOKEN_BAD;
        token->bad = BAD_STRING;
        token->wrong = lexer->at == lexer->end || *lexer->at == '\n' || *lexer->at == '\r'
                           ? "this string has no end on its line"
                           : "this string has a control character";
    }
}

/* Whatever separates; true: at least one line ended. */
static bool skip(Lexer *lexer)
{
    bool ended = false;

    while (lexer->at < lexer->end) {
        const char c = *lexer->at;
        if (c == '\n') {
            ended = true;
            lexer->line++;
            lexer->line_start = ++lexer->at;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            lexer->at++;
        } else if (c == '#') {
            while (lexer->at < lexer->end && *lexer->at != '\n') {
                lexer->at++;
            }
        } else {
            break;
        }
    }
    return ended;
}

static TokenKind mark(char c)
{
    switch (c) {
    case '{':
        return TOKEN_OPEN;
    case '}':
        return TOKEN_CLOSE;
    case ',':
        return TOKEN_COMMA;
    case ':':
        return TOKEN_COLON;
    case '=':
        return TOKEN_EQUALS;
    case '-':
        return TOKEN_MINUS;
    case '.':
        return TOKEN_DOT;
    default:
        return TOKEN_BAD;
    }
}

Token lexer_next(Lexer *lexer)
{
    const Lexer before = *lexer;
    const bool ended = skip(lexer);

    if (ended && !lexer->goes_on) {
        return (Token){.kind = TOKEN_NEWLINE,
                       .text = before.at,
                       .line = before.line,
                       .column = (uint32_t)(before.at - before.line_start) + 1};
    }
    lexer->goes_on = false;
    Token token = {
        .text = lexer->at, .line = lexer->line, .column = (uint32_t)(lexer->at - lexer->line_start) + 1};
    if (lexer->at == lexer->end) {
        return token;
    }
    const char c = *lexer->at;
    if (is_letter(c)) {
        take_word(lexer);
        token.kind = TOKEN_WORD;
    } else if (is_digit(c)) {
        number(lexer, &token);
    } else if (c == '"') {
        string(lexer, &token);
        return token;
    } else if (c == '$') {
        token.text = ++lexer->at;
        take_word(lexer);
        token.len = (size_t)(lexer->at - token.text);
        token.kind = token.len > 0 ? TOKEN_PARAM : TOKEN_BAD;
        token.wrong = "after $ comes the name of a parameter";
        return token;
    } else {
        lexer->at++;
        token.kind = mark(c);
        token.wrong = c == '\xef' ? "this character means nothing here (is it a byte order mark?)"
                                  : "this character means nothing here";
        if (c == '.' && lexer->at < lexer->end && *lexer->at == '.') {
            lexer->at++;
            token.kind = TOKEN_DOTS;
        }
        lexer->goes_on = c == ',';
    }
    token.len = (size_t)(lexer->at - token.text);
    return token;
}
