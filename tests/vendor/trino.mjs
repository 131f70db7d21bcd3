// Statements as a JSON list on stdin; of each, what Trino's grammar finds wrong and which functions
// it calls, as [name, number of arguments].
import { TrinoSQL } from "dt-sql-parser";
import fs from "node:fs";

const parser = new TrinoSQL();

const read = (sql) => {
  const errors = parser.validate(sql).map((e) => `${e.startLine}:${e.startColumn} ${e.message}`);
  const calls = [];
  const listener = {
    enterEveryRule() {},
    exitEveryRule() {},
    visitTerminal() {},
    visitErrorNode() {},
    enterFunctionCall(call) {
      calls.push([call.functionName().getText().toLowerCase(), call.expression().length]);
    },
  };
  if (errors.length === 0) parser.listen(listener, parser.parse(sql));
  return { errors, calls };
};

const statements = JSON.parse(fs.readFileSync(0, "utf8"));
fs.writeSync(1, JSON.stringify(statements.map(read)));
