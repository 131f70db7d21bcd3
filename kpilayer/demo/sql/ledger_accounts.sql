SELECT
  ledger_account_id::INTEGER AS ledger_account_id,
  name::VARCHAR AS name,
  account_class::VARCHAR AS account_class
FROM (
  VALUES
    (1, 'Cash', 'asset'),
    (2, 'Accounts receivable', 'asset'),
    (3, 'Equipment', 'asset'),
    (4, 'Accumulated depreciation', 'asset'),
    (5, 'Sales tax payable', 'liability'),
    (6, 'Paid-in capital', 'equity'),
    (7, 'Software revenue', 'revenue'),
    (8, 'Services revenue', 'revenue'),
    (9, 'Hosting', 'cost_of_sales'),
    (10, 'Support and delivery staff', 'cost_of_sales'),
    (11, 'Salaries', 'operating_expense'),
    (12, 'Marketing', 'operating_expense'),
    (13, 'Office and software', 'operating_expense'),
    (14, 'Depreciation', 'depreciation'),
    (15, 'Interest', 'interest')
) AS listed(ledger_account_id, name, account_class)
ORDER BY ledger_account_id
