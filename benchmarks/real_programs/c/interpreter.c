/* An interpreter of a small language: it splits the text into tokens, parses them to a tree, and walks the tree. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const SOURCE =
    "fun gcd(a, b) { while (b > 0) { let rest = a % b; a = b; b = rest; } return a; }\n"
    "fun fib(n) { if (n < 2) { return n; } return fib(n - 1) + fib(n - 2); }\n"
    "fun collatz(n) { let steps = 0; while (n != 1) { if (n % 2 == 0) { n = n / 2; } else { n = 3 * n + 1; }\n"
    "  steps = steps + 1; } return steps; }\n"
    "fun is_prime(n) { let d = 2; while (d * d <= n) { if (n % d == 0) { return 0; } d = d + 1; } return n > 1; }\n"
    "let i = 1; let sum = 0; let longest = 0; let primes = 0;\n"
    "while (i < 200) { sum = sum + gcd(i * 12, 90); let steps = collatz(i);\n"
    "  if (steps > longest) { longest = steps; } primes = primes + is_prime(i); i = i + 1; }\n"
    "print sum; print longest; print primes; print fib(13); print (1 + 2) * (3 + 4) - 5 % 3;\n";

static const char *const SYMBOLS[] = {"==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/",
                                      "%",  "=",  "(",  ")",  "{", "}", ",", ";", NULL};
static const char *const LEVELS[][5] = {{"==", "!="}, {"<", ">", "<=", ">="}, {"+", "-"}, {"*", "/", "%"}};
enum { LEVEL_COUNT = 4, MOST_TOKENS = 1000, MOST_NAMES = 16 };

enum token_kind { DIGITS, WORD, SYMBOL, END };

struct token {
  enum token_kind kind;
  char text[16];
};

static struct token tokens[MOST_TOKENS];
static int token_count, place;

static void fail(const char *message, const char *text) {
  fprintf(stderr, "%s: %s\n", message, text);
  exit(1);
}

static void add_token(enum token_kind kind, const char *text, size_t length) {
  struct token *token = &tokens[token_count++];
  token->kind = kind;
  memcpy(token->text, text, length);
  token->text[length] = 0;
}

static void split(const char *source) {
  while (*source) {
    const char *start = source;
    if (isspace((unsigned char)*source)) {
      source++;
    } else if (isdigit((unsigned char)*source)) {
      while (isdigit((unsigned char)*source)) source++;
      add_token(DIGITS, start, (size_t)(source - start));
    } else if (isalpha((unsigned char)*source)) {
      while (isalnum((unsigned char)*source) || *source == '_') source++;
      add_token(WORD, start, (size_t)(source - start));
    } else {
      int index = 0;
      while (SYMBOLS[index] && strncmp(SYMBOLS[index], source, strlen(SYMBOLS[index]))) index++;
      if (!SYMBOLS[index]) fail("unexpected", source);
      source += strlen(SYMBOLS[index]);
      add_token(SYMBOL, start, (size_t)(source - start));
    }
  }
  add_token(END, "", 0);
}

enum node_kind { CONSTANT, NAME, BINARY, CALL, LET, PRINT, RETURN, IF, WHILE, EXPRESSION, FUNCTION };

struct node {
  enum node_kind kind;
  long long value;
  const char *name;
  struct node *first, *second, *third, *next; /* `next` is the next statement, argument or parameter */
};

static struct node *new_node(enum node_kind kind, const char *name, struct node *first, struct node *second) {
  struct node *node = calloc(1, sizeof *node);
  node->kind = kind;
  node->name = name;
  node->first = first;
  node->second = second;
  return node;
}

static int accept(const char *text) {
  if (tokens[place].kind == END || strcmp(tokens[place].text, text)) return 0;
  place++;
  return 1;
}

static void expect(const char *text) {
  if (!accept(text)) fail("expected", text);
}

static const char *word(void) {
  if (tokens[place].kind != WORD) fail("expected a name", tokens[place].text);
  return tokens[place++].text;
}

static struct node *expression(int level);
static struct node *statement(void);

static struct node *atom(void) {
  if (tokens[place].kind == DIGITS) {
    struct node *number = new_node(CONSTANT, NULL, NULL, NULL);
    number->value = atoll(tokens[place++].text);
    return number;
  }
  if (accept("(")) {
    struct node *inner = expression(0);
    expect(")");
    return inner;
  }
  const char *name = word();
  if (!accept("(")) return new_node(NAME, name, NULL, NULL);
  struct node *call = new_node(CALL, name, NULL, NULL), **last = &call->first;
  while (!accept(")")) {
    *last = expression(0);
    /* An argument is wrapped, so that it can be in a list. */
    *last = new_node(EXPRESSION, NULL, *last, NULL);
    last = &(*last)->next;
    accept(",");
  }
  return call;
}

static const char *operator_of(int level) {
  for (int index = 0; index < 5 && LEVELS[level][index]; index++)
    if (tokens[place].kind == SYMBOL && strcmp(tokens[place].text, LEVELS[level][index]) == 0)
      return tokens[place++].text;
  return NULL;
}

static struct node *expression(int level) {
  if (level == LEVEL_COUNT) return atom();
  struct node *left = expression(level + 1);
  const char *symbol;
  while ((symbol = operator_of(level))) left = new_node(BINARY, symbol, left, expression(level + 1));
  return left;
}

static struct node *condition(void) {
  expect("(");
  struct node *inner = expression(0);
  expect(")");
  return inner;
}

static struct node *block(void) {
  struct node *first = NULL, **last = &first;
  expect("{");
  while (!accept("}")) {
    *last = statement();
    last = &(*last)->next;
  }
  return first;
}

static struct node *function(void) {
  struct node *function = new_node(FUNCTION, word(), NULL, NULL), **last = &function->first;
  expect("(");
  while (!accept(")")) {
    *last = new_node(NAME, word(), NULL, NULL);
    last = &(*last)->next;
    accept(",");
  }
  function->second = block();
  return function;
}

static struct node *statement(void) {
  struct node *made;
  if (accept("fun")) return function();
  if (accept("while")) {
    struct node *tested = condition();
    return new_node(WHILE, NULL, tested, block());
  }
  if (accept("if")) {
    struct node *tested = condition();
    made = new_node(IF, NULL, tested, block());
    if (accept("else")) made->third = block();
    return made;
  }
  if (accept("return")) {
    made = new_node(RETURN, NULL, expression(0), NULL);
  } else if (accept("print")) {
    made = new_node(PRINT, NULL, expression(0), NULL);
  } else if (accept("let") || strcmp(tokens[place + 1].text, "=") == 0) {
    const char *name = word();
    expect("=");
    made = new_node(LET, name, expression(0), NULL);
  } else {
    made = new_node(EXPRESSION, NULL, expression(0), NULL);
  }
  expect(";");
  return made;
}

struct scope {
  const char *names[MOST_NAMES];
  long long values[MOST_NAMES];
  int count;
};

static struct node *functions[MOST_NAMES];
static int function_count;

static int run_block(const struct node *block, struct scope *scope, long long *result);

static long long *find(struct scope *scope, const char *name, int make) {
  for (int index = 0; index < scope->count; index++)
    if (strcmp(scope->names[index], name) == 0) return &scope->values[index];
  if (!make) fail("unknown", name);
  scope->names[scope->count] = name;
  return &scope->values[scope->count++];
}

static long long evaluate(const struct node *node, struct scope *scope);

static long long call(const struct node *node, struct scope *scope) {
  for (int index = 0; index < function_count; index++)
    if (strcmp(functions[index]->name, node->name) == 0) {
      struct scope inner = {.count = 0};
      long long result = 0;
      const struct node *argument = node->first;
      for (const struct node *each = functions[index]->first; each; each = each->next, argument = argument->next)
        *find(&inner, each->name, 1) = evaluate(argument->first, scope);
      run_block(functions[index]->second, &inner, &result);
      return result;
    }
  fail("unknown", node->name);
  return 0;
}

static long long evaluate(const struct node *node, struct scope *scope) {
  if (node->kind == CONSTANT) return node->value;
  if (node->kind == NAME) return *find(scope, node->name, 0);
  if (node->kind == CALL) return call(node, scope);
  long long left = evaluate(node->first, scope), right = evaluate(node->second, scope);
  int has_equals = node->name[1] == '=';
  switch (node->name[0]) {
  case '+': return left + right;
  case '-': return left - right;
  case '*': return left * right;
  case '/': return left / right;
  case '%': return left % right;
  case '=': return left == right;
  case '!': return left != right;
  case '<': return has_equals ? left <= right : left < right;
  default: return has_equals ? left >= right : left > right;
  }
}

/* Run statements. Return 1 if one of them returned, with its `result`. */
static int run_block(const struct node *block, struct scope *scope, long long *result) {
  for (; block; block = block->next)
    switch (block->kind) {
    case LET: *find(scope, block->name, 1) = evaluate(block->first, scope); break;
    case PRINT: printf("%lld\n", evaluate(block->first, scope)); break;
    case RETURN: *result = evaluate(block->first, scope); return 1;
    case IF:
      if (run_block(evaluate(block->first, scope) ? block->second : block->third, scope, result)) return 1;
      break;
    case WHILE:
      while (evaluate(block->first, scope))
        if (run_block(block->second, scope, result)) return 1;
      break;
    case FUNCTION: functions[function_count++] = (struct node *)block; break;
    default: evaluate(block->first, scope);
    }
  return 0;
}

int main(void) {
  struct scope scope = {.count = 0};
  long long result;
  const struct node *program;
  struct node *first = NULL, **last = &first;
  split(SOURCE);
  while (tokens[place].kind != END) {
    *last = statement();
    last = &(*last)->next;
  }
  program = first;
  run_block(program, &scope, &result);
  printf("%lld\n", NUMBERLL);
}
